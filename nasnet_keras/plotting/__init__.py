"""Pictures of genotypes, as SVG."""

from nasnet_keras.plotting.cells import genotype_svg, plot_genotype

__all__ = ["genotype_svg", "plot_genotype"]
