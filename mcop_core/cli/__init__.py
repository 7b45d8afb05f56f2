"""The command line: arguments in, core calls, text or JSON and an exit code out."""
