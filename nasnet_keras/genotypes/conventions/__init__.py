"""Genotypes of other code: from and to DARTS' convention and MnasNet's and timm's block strings, and from ENAS' arcs.

For cells, DARTS and ENAS number the inputs 0, the older one (`previous`), and 1, the newer one (`current`), and blocks
from 2. A genotype of cells that comes from other code names the family that it was published with, and is built on that
family's skeleton.

A genotype may be given as Python values, as NumPy values, or as the text that is printed of either. Ambiguous values,
such as operations by a project's own numbers, are refused. Values larger than a genotype can be are refused before
anything is built from them.
"""

from nasnet_keras.genotypes.base import GenotypeError
from nasnet_keras.genotypes.conventions.darts import DARTS_FIELDS, from_darts, to_darts
from nasnet_keras.genotypes.conventions.enas import ENAS_OPERATIONS, from_enas, from_enas_macro
from nasnet_keras.genotypes.conventions.mnasnet import from_mnasnet, to_mnasnet
from nasnet_keras.genotypes.conventions.timm import from_timm, to_timm

__all__ = ["DARTS_FIELDS", "ENAS_OPERATIONS", "GenotypeError", "from_darts", "from_enas", "from_enas_macro"]
__all__ += ["from_mnasnet", "from_timm", "to_darts", "to_mnasnet", "to_timm"]
