"""The command line: parses arguments, makes one library call, shows events; the only place that prints or exits."""
