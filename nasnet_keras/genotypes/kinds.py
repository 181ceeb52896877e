"""The kinds of genotypes, a row for each: its class, the arguments of its networks, and the function that builds them.

The rows are names, which resolve when they are used, so that one kind is imported without the others. A new kind is a
module of its value in this folder, a module of the same name of its network in `nasnet_keras.networks`, and a row here.
"""

from dataclasses import dataclass
from importlib import import_module

from nasnet_keras.genotypes.base import BaseGenotype, GenotypeError

__all__ = ["KINDS", "Kind", "kind_of"]


@dataclass(frozen=True)
class Kind:
    """One kind of genotype.

    Attributes:
        module: name of the module of its value in `nasnet_keras.genotypes`, and of its network in
            `nasnet_keras.networks`.
        genotype: the class of its values, a `BaseGenotype`.
        config: the class of its networks' arguments, a `NetworkConfig`.
        function: the public function that builds its networks, as users write it after `nasnet_keras.`.
    """

    module: str
    genotype: str
    config: str
    function: str

    @property
    def genotype_class(self) -> type[BaseGenotype]:
        """The class of its values."""
        return getattr(import_module(f"nasnet_keras.genotypes.{self.module}"), self.genotype)


KINDS = (
    Kind("cells", "Genotype", "CellsConfig", "NASNetFromGenotype"),
    Kind("macro", "MacroGenotype", "MacroConfig", "applications.ENASMacro"),
    Kind("chain", "ChainGenotype", "ChainConfig", "ChainFromGenotype"),
    Kind("nasbench201", "NASBench201Genotype", "NASBench201Config", "NASBench201FromGenotype"),
    Kind("stages", "StageGenotype", "StagesConfig", "StagesFromGenotype"),
)


def kind_of(genotype: BaseGenotype) -> Kind:
    """The row of a genotype's kind; an object of a subclass is of the kind of its class' base.

    Raises:
        GenotypeError: no row has its class.

    Example:
        >>> from nasnet_keras.genotypes.catalogue import ENAS_MACRO
        >>> kind_of(ENAS_MACRO).function
        'applications.ENASMacro'
    """
    names = [one.__name__ for one in type(genotype).__mro__]
    for kind in KINDS:
        if kind.genotype in names:
            return kind
    known = ", ".join(kind.genotype for kind in KINDS)
    raise GenotypeError(f"networks are made of a genotype of these classes: {known}; got a {names[0]}")
