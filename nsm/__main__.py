"""`python -m nsm`: the command without its installed script."""

from nsm.cli.main import main

if __name__ == "__main__":
    main()
