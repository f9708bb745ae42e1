"""What becomes of a photo and of its metadata: the options that become Settings."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from jpegslim.cli.parameters import read_margin, read_megapixels, read_quality
from jpegslim.errors import UsageError

if TYPE_CHECKING:
    from jpegslim.settings import Settings

_Command = TypeVar("_Command", bound=Callable[..., Any])

_OPTIONS = (
    click.option(
        "-q",
        "--quality",
        "target",
        callback=read_quality,
        default="high",
        show_default=True,
        metavar="PRESET|NUMBER",
        help="A preset's name or a score from 1 to 100.",
    ),
    click.option(
        "--baseline",
        is_flag=True,
        help="Write no progressive JPEGs: for old viewers, a bit larger.",
    ),
    click.option(
        "--tile-floor",
        "tile_margin",
        callback=read_margin,
        default="10",
        show_default=True,
        metavar="MARGIN|off",
        help="No part of a photo (512 pixels square) may score more than this below the target.",
    ),
    click.option(
        "--metadata",
        type=click.Choice(["keep", "safe", "strip"], case_sensitive=False),
        default="keep",
        show_default=True,
        help="'safe' drops thumbnails, maker notes and positions (GPS); 'strip' leaves what display"
        " needs: the colour profile and the orientation. Gain maps and motion video always stay.",
    ),
    click.option(
        "--bake-orientation",
        is_flag=True,
        help="With --metadata strip, turn the pixels and drop the orientation where a photo is"
        " newly coded.",
    ),
    click.option(
        "--break-signatures",
        is_flag=True,
        help="Rewrite signed photos (C2PA) too; their content credentials are dropped.",
    ),
    click.option(
        "--max-megapixels",
        callback=read_megapixels,
        default="300",
        show_default=True,
        metavar="N",
        help="Leave out photos of more pixels than this, by what their header says.",
    ),
    click.option(
        "--no-marker", is_flag=True, help="Leave no note in the photos that they are done."
    ),
)


def settings_options(command: _Command) -> _Command:
    """Give a command the options that `read_settings` takes."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def read_settings(
    *,
    target: float | None,
    baseline: bool,
    tile_margin: float | None,
    metadata: str,
    bake_orientation: bool,
    break_signatures: bool,
    max_megapixels: float,
    no_marker: bool,
    **_: object,
) -> "Settings":
    """Return the settings that the options ask for. Raises UsageError."""
    from jpegslim.settings import Metadata, Settings

    if bake_orientation and metadata != Metadata.STRIP:
        raise UsageError("--bake-orientation needs --metadata strip")
    if target is None and baseline:
        raise UsageError("--quality lossless writes progressive JPEGs: leave out --baseline")
    return Settings(
        target=target,
        tile_margin=tile_margin,
        progressive=not baseline,
        marker=not no_marker,
        max_megapixels=max_megapixels,
        metadata=Metadata(metadata),
        bake_orientation=bake_orientation,
        break_signatures=break_signatures,
    )
