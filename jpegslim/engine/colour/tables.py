"""Profiles whose tables say what samples mean: through Pillow's colour engine, to sRGB."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from jpegslim.engine.container.icc import damaged

# Between black and white of grey samples a picture needs this much of the screen's range, and
# what comes out may fall by no more than rounding on the way.
_LEAST_RANGE, _WOBBLE = 96, 3
# Pillow copies what it converts, there and back: not the whole picture at once.
_BAND_PIXELS = 1 << 20


class Tables:
    """A profile's way to sRGB, in samples of 8 bits: colours beyond sRGB are clipped."""

    def __init__(self, data: bytes, *, components: int) -> None:
        """Take a profile's bytes. Raises ProfileIgnored where they lead nowhere."""
        self._mode = "L" if components == 1 else "RGB"
        # 256 greys are worth going the whole way for each; for a picture the engine takes a
        # shortcut at 18 megapixels a second instead of 3, off by 0.1 levels on average.
        flags = ImageCms.Flags.NOOPTIMIZE if components == 1 else ImageCms.Flags.NONE
        try:
            self._transform = ImageCms.buildTransform(
                ImageCms.ImageCmsProfile(io.BytesIO(data)),
                ImageCms.createProfile("sRGB"),
                self._mode,
                "RGB",
                ImageCms.Intent.PERCEPTUAL,
                flags=flags,
            )
        except (ImageCms.PyCMSError, OSError, ValueError) as error:
            raise damaged("its tables can't be read") from error
        self._check()

    def convert(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the pixels, (H, W) or (H, W, 3), as uint8 (H, W, 3) sRGB."""
        height, width = pixels.shape[:2]
        shown = np.empty((height, width, 3), np.uint8)
        rows = max(1, _BAND_PIXELS // width)
        for top in range(0, height, rows):
            band = Image.fromarray(np.ascontiguousarray(pixels[top : top + rows]))
            shown[top : top + rows] = np.asarray(self._transform.apply(band))
        return shown

    def _check(self) -> None:
        """Raise ProfileIgnored for tables that hide the picture: all black, or all the same."""
        ramp = np.arange(256, dtype=np.uint8)[np.newaxis]
        grey = ramp if self._mode == "L" else np.repeat(ramp[..., np.newaxis], 3, axis=2)
        light = self.convert(grey)[0, :, 1].astype(int)
        falls = (np.maximum.accumulate(light) - light).max()
        if falls > _WOBBLE or light[-1] - light[0] < _LEAST_RANGE:
            raise damaged("its tables do not lead from dark to light")
        if self._mode == "RGB":
            corners = 255 * np.eye(3, dtype=np.uint8)[np.newaxis]
            if len(np.unique(self.convert(corners)[0], axis=0)) < len(corners[0]):
                raise damaged("its primary colours can't be told apart")
