"""How a viewer shows a file's samples: colour profiles, and what EXIF says without one."""

from jpegslim.engine.colour.view import PLAIN, View, view_of, view_of_jpeg, view_of_profile

__all__ = ["PLAIN", "View", "view_of", "view_of_jpeg", "view_of_profile"]
