"""``python -m app``: the dashboard and its workers in one command."""

from __future__ import annotations

import signal
import sys
import threading

from app import logs
from app.private import be_private
from app.settings import settings_or_exit


def main() -> None:
    """Serves until interrupted (Ctrl-C or SIGTERM), then ends the workers too."""
    # Here and not above: a spawned worker imports this module, and has no use for a web server.
    from sqlalchemy.exc import OperationalError
    from werkzeug.serving import make_server

    from app.links import address, shown, with_tokens
    from app.server import create_app
    from app.worker.supervisor import Supervisor

    be_private()  # before a worker is started, which takes it over
    settings = settings_or_exit()
    logs.begin(settings.log_level, settings.log_format)
    made = settings.lacks_tokens
    if made:
        settings = with_tokens(settings)
    try:
        app = create_app(settings)
    except (OSError, OperationalError) as error:  # no right to write, a database that is away
        raise SystemExit(f"The dashboard cannot start: {error}") from None
    server = make_server(settings.host, settings.port, app, threaded=True)  # exits if it is taken
    supervisor = Supervisor(settings) if settings.workers else None

    def end(_number: int, _frame: object) -> None:
        # shutdown() waits for the loop that this very thread runs, so another one asks for it.
        threading.Thread(target=server.shutdown).start()

    signal.signal(signal.SIGINT, end)
    signal.signal(signal.SIGTERM, end)
    if supervisor:
        supervisor.start()
    port = server.server_port
    print(f"Feedback alignment is at {address(settings, port)} (Ctrl-C ends it)")
    # Tokens that were set are known to who set them, and what is no terminal may be a log.
    if made or (settings.control_token and sys.stdout.isatty()):
        encoding = sys.stdout.encoding  # it may be one that knows nothing to draw with
        print(shown(settings, port).encode(encoding, "replace").decode(encoding))
    if made:
        print("These links hold until it ends. Others: set FA_CONTROL_TOKEN and FA_VIEW_TOKEN.")
    sys.stdout.flush()
    try:
        server.serve_forever()
    finally:
        print("Ending.", flush=True)
        app.close()
        server.server_close()
        if supervisor:
            supervisor.stop()


if __name__ == "__main__":
    main()
