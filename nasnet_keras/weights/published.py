"""The files of Keras' published ImageNet weights of NASNet-A mobile and large."""

from nasnet_keras.weights.file import WeightsFile

__all__ = ["PUBLISHED"]

_URL = "https://storage.googleapis.com/tensorflow/keras-applications/nasnet/"

PUBLISHED = {
    ("mobile", True): WeightsFile(
        "nasnet_mobile.h5", 24_227_760, md5="020fb642bf7360b370c678b08e0adf61", url=_URL + "NASNet-mobile.h5"
    ),
    ("mobile", False): WeightsFile(
        "nasnet_mobile_no_top.h5", md5="1ed92395b5b598bdda52abe5c0dbfd63", url=_URL + "NASNet-mobile-no-top.h5"
    ),
    ("large", True): WeightsFile(
        "nasnet_large.h5", md5="11577c9a518f0070763c2b964a382f17", url=_URL + "NASNet-large.h5"
    ),
    ("large", False): WeightsFile(
        "nasnet_large_no_top.h5", md5="d81d89dc07e6e56530c4e77faddd61b5", url=_URL + "NASNet-large-no-top.h5"
    ),
}
"""By model and `include_top`: the name in Keras' cache, the MD5 and the URL are those of Keras' own source."""
