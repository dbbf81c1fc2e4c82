"""A picture in a file becomes what an image of MNIST is, with a word on whatever is unusual about it."""

from torch_parity.training.pictures.folders import PassedOver, pictures_in
from torch_parity.training.pictures.preparing import Picture, look, prepare, save_prepared

__all__ = ["PassedOver", "Picture", "look", "pictures_in", "prepare", "save_prepared"]
