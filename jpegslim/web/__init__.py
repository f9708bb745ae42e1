"""The web page, the bulk service and the HTTP API: `jpegslim serve`, with the extra `web`."""
