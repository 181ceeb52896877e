"""Architectures as values, and the published ones by name. This folder imports the standard library only.

from nasnet_keras import genotypes
genotypes.NASNET_A, genotypes.get("amoebanet_d"), genotypes.names()
"""

from nasnet_keras.genotypes.base import GenotypeError  # noqa: F401 – the error of `get`
from nasnet_keras.genotypes.catalogue import *  # noqa: F403
from nasnet_keras.genotypes.catalogue import __all__  # noqa: F401
