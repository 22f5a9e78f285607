"""``python -m app``: the dashboard and its workers in one command; ``python -m app check``: what of
it is whole."""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Callable
from types import FrameType

from app.private import be_private, keep_private
from app.worker.template import Template


def main() -> None:
    """Reads the command line, where there is one: without, serving begins at once."""
    be_private()  # before anything is written, and before a worker is started, which takes it over
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
    _on_signals(_leave)  # before there is anything that a signal could leave behind
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
    from app.listening import Listening, PortTaken
    from app.store import why_not
    from app.worker.supervisor import Supervisor

    made = settings.lacks_tokens
    if made:
        settings = with_tokens(settings)
    try:
        listening = Listening(settings.host, settings.port)
    except (OSError, PortTaken) as error:
        raise SystemExit(f"The dashboard cannot start: {error}") from None

    supervisor = None
    try:
        keep_private(settings)
        if settings.workers:
            supervisor = Supervisor(settings)
            supervisor.start()  # runs that were left are taken up while the web is imported

        from app.server import create_app
        from app.serving import Patience, Service, raise_file_limit

        app = create_app(settings)
        service = Service(app, listening, Patience(connections=raise_file_limit()))
    except BaseException as error:
        listening.close()
        if supervisor:
            supervisor.stop()
        if isinstance(error, OSError | SQLAlchemyError):  # no right to write, a database is away
            why = why_not(error, settings.shown()["database_url"])
            raise SystemExit(f"The dashboard cannot start: {why}") from None
        raise

    _on_signals(lambda *_: service.end())
    port = listening.port
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


def _on_signals(handler: Callable[[int, FrameType | None], None] | signal.Handlers) -> None:
    """What Ctrl-C and SIGTERM are to do from now on."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, handler)


def _leave(_number: int, _frame: FrameType | None) -> None:
    """Ends a start that is under way; a second signal does not cut that short."""
    _on_signals(signal.SIG_IGN)
    raise SystemExit


if __name__ == "__main__":
    main()
