"""JPEG surgery on bytes: read the layout of a file, and rebuild it around new picture data."""
