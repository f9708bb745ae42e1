"""Run the command line as `python -m jpegslim`."""

if __name__ == "__main__":
    # Inside the guard: spawned workers import this module again and need no command line.
    from jpegslim.cli import main

    main()
