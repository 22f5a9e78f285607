"""``python -m fa_engine``: the command line."""

from fa_engine.cli import main

if __name__ == "__main__":
    main()
