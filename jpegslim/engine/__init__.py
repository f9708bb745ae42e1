"""Bytes in, bytes out: opens no file, starts no process, prints nothing."""
