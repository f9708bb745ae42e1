import numpy as np
from numpy.typing import NDArray

def tile_sums(
    reference: NDArray[np.uint8],
    distorted: NDArray[np.uint8],
    width: int,
    height: int,
    channels: int,
    scales: int,
    curves: NDArray[np.float32],
    cones: NDArray[np.float32],
    tile_size: int,
    rows: int,
    columns: int,
    sums: NDArray[np.float64],
    path: str,
    /,
) -> None: ...
def paths() -> tuple[str, ...]: ...
