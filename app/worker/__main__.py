"""``python -m app.worker``: the workers alone, until SIGTERM or SIGINT."""

from __future__ import annotations

import logging
import os
import signal
import time

from app.private import be_private, keep_private
from app.worker.template import Template


class _Stopped(Exception):
    """A signal asked for the end."""


def main() -> None:
    """Runs the supervisor until a signal."""
    be_private()
    Template()  # imports torch while this process does

    from sqlalchemy.exc import SQLAlchemyError

    from app import logs
    from app.settings import settings_or_exit
    from app.store import why_not
    from app.worker.supervisor import Supervisor

    settings = settings_or_exit()
    logs.begin(settings.log_level, settings.log_format)
    keep_private(settings)

    def stop(_number: int, _frame: object) -> None:
        # Once is enough: a second signal must not cut short what the first one began.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        raise _Stopped

    supervisor = Supervisor(settings)
    try:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, stop)
        try:
            supervisor.start()
        except (OSError, SQLAlchemyError) as error:
            raise SystemExit(
                f"The workers cannot start: {why_not(error, settings.shown()['database_url'])}"
            ) from None
        while True:
            time.sleep(3600)
    except _Stopped:
        pass
    finally:
        supervisor.stop()
    logging.shutdown()
    os._exit(0)  # Python takes a second to take torch to pieces


if __name__ == "__main__":
    main()
