"""The picture as it came, and as it is coded anew: without what is to go, turned where asked."""

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from jpegslim.engine.codecs import whole as decoder
from jpegslim.engine.colour import View, view_of
from jpegslim.engine.container.assemble import admit
from jpegslim.engine.container.layers import refuse_layered
from jpegslim.engine.container.marker import source_digest
from jpegslim.engine.container.policy import policy_of
from jpegslim.engine.container.retain import Retained, can_be_turned, retain
from jpegslim.engine.container.scans import refuse_missing_scans
from jpegslim.engine.container.segments import Container
from jpegslim.engine.container.signature import refuse_signed
from jpegslim.engine.container.upright import UPRIGHT, orientation_of
from jpegslim.engine.trials import is_large
from jpegslim.engine.turning import turn_layout, turn_pixels
from jpegslim.settings import Settings


class Original:
    """One source file under one choice of settings; what it takes to know of it, once each.

    whole is the file as it came, `source` without the metadata that is to go: what recompression
    saves is counted from there.
    """

    def __init__(self, whole: Container, settings: Settings) -> None:
        self.whole = whole
        self.policy = policy_of(settings)
        self.components = len(whole.frame.components)
        self.is_large = is_large(whole.frame)
        self._bakes = settings.bake_orientation

    def refuse_unfit(self) -> None:
        """Raise BrokenJpeg where it does not decode, UnsupportedJpeg where it must stay whole."""
        if not self.policy.break_signatures:
            refuse_signed(self.whole)
        refuse_layered(self.whole)
        admit(self.whole)
        _ = self.pixels.shape
        refuse_missing_scans(self.whole)

    @cached_property
    def retained(self) -> Retained:
        """The file without the metadata that is to go, and what that was."""
        return retain(self.whole, self.policy)

    @property
    def source(self) -> Container:
        """What is to be recompressed, upright or not."""
        return self.retained.container

    @property
    def has_to_drop(self) -> bool:
        """Whether there is metadata that is to go."""
        return self.policy.drops and self.source is not self.whole

    @cached_property
    def pixels(self) -> NDArray[np.uint8]:
        """The samples, uint8 (H, W), (H, W, 3) RGB or (H, W, 4) CMYK."""
        return decoder.decode(self.whole)

    def forget_pixels(self) -> None:
        """Give their memory back; who asks for them again gets them decoded again."""
        self.__dict__.pop("pixels", None)

    @cached_property
    def view(self) -> View:
        """How a viewer shows the samples."""
        return view_of(self.whole)

    @cached_property
    def digest(self) -> str:
        """Of the file as it came, for the marker."""
        return source_digest(self.whole.data)

    @cached_property
    def turn(self) -> int:
        """The EXIF orientation by which the pixels are turned when coded anew; 1 for not at all."""
        asked = self._bakes and can_be_turned(self.source)
        return orientation_of(self.whole.data) if asked else UPRIGHT

    @property
    def is_turned(self) -> bool:
        """Whether a new coding turns the pixels."""
        return self.turn != UPRIGHT

    @cached_property
    def canvas(self) -> Container:
        """The source as its new coding replaces it."""
        if not self.is_turned:
            return self.source
        bare = retain(self.whole, self.policy, baked=True).container
        return turn_layout(bare, self.turn)

    @property
    def canvas_pixels(self) -> NDArray[np.uint8]:
        """The samples as they are coded anew."""
        return turn_pixels(self.pixels, self.turn) if self.is_turned else self.pixels
