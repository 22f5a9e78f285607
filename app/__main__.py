"""``python -m app``: the dashboard and its workers in one command; ``python -m app check``: what of
it is whole."""

from __future__ import annotations

import logging
import os
import signal
import sys

from app.private import be_private
from app.worker.template import Template


def main() -> None:
    """Reads the command line, where there is one: without, serving begins at once."""
    words = sys.argv[1:]
    try:
        if words:
            from app.options import take

            take(words)
        serve()
    except ImportError as error:
        if type(error).__name__ != "PluginError":  # its class is in what cannot be imported
            raise
        raise SystemExit(f"The dashboard cannot start: {error}") from None


def serve() -> None:
    """Serves until interrupted (Ctrl-C or SIGTERM), then ends the workers too."""
    be_private()  # before a worker is started, which takes it over
    if os.environ.get("FA_WORKERS", "").strip() != "0":
        Template()  # imports torch while this process does, which has seconds to import itself

    # Here and not above: they take seconds, and a worker, which imports this module, has no use for
    # a web server.
    from app import logs
    from app.settings import settings_or_exit

    settings = settings_or_exit()
    logs.begin(settings.log_level, settings.log_format)

    from sqlalchemy.exc import SQLAlchemyError

    from app.links import address, shown, with_tokens
    from app.server import create_app
    from app.serving import Patience, PortTaken, Service, raise_file_limit
    from app.store import why_not
    from app.worker.supervisor import Supervisor

    made = settings.lacks_tokens
    if made:
        settings = with_tokens(settings)
    try:
        app = create_app(settings)
    except (OSError, SQLAlchemyError) as error:  # no right to write, a database that is away
        raise SystemExit(
            f"The dashboard cannot start: {why_not(error, settings.shown()['database_url'])}"
        ) from None
    patience = Patience(connections=raise_file_limit())
    try:
        service = Service(app, settings.host, settings.port, patience)
    except (OSError, PortTaken) as error:
        raise SystemExit(f"The dashboard cannot start: {error}") from None

    supervisor = Supervisor(settings) if settings.workers else None

    def end(_number: int, _frame: object) -> None:
        service.end()

    signal.signal(signal.SIGINT, end)
    signal.signal(signal.SIGTERM, end)
    if supervisor:
        supervisor.start()
    port = service.port
    print(f"Feedback alignment is at {address(settings, port)} (Ctrl-C ends it)")
    # Tokens that were set are known to who set them, and what is no terminal may be a log.
    if made or (settings.control_token and sys.stdout.isatty()):
        encoding = sys.stdout.encoding  # it may be one that knows nothing to draw with
        print(shown(settings, port).encode(encoding, "replace").decode(encoding))
    if made:
        print("These links hold until it ends. Others: set FA_CONTROL_TOKEN and FA_VIEW_TOKEN.")
    sys.stdout.flush()
    try:
        service.run()
    finally:
        print("Ending.", flush=True)
        app.close()
        if supervisor:
            supervisor.stop()
    service.close()
    sys.stdout.flush()
    logging.shutdown()
    # A thread that waits for a locked database would be waited for, and Python takes half a second
    # to take everything to pieces.
    os._exit(0)


if __name__ == "__main__":
    main()
