"""The names of nasnet_keras, for editors and type checkers. `tools/make_stubs.py` writes it."""

from nasnet_keras import applications as applications
from nasnet_keras import genotypes as genotypes
from nasnet_keras import pretrained as pretrained
from nasnet_keras import search as search
from nasnet_keras.card import Card as Card
from nasnet_keras.genotypes import conventions as conventions
from nasnet_keras.genotypes.base import GenotypeError as GenotypeError
from nasnet_keras.genotypes.cells import Block as Block
from nasnet_keras.genotypes.cells import Cell as Cell
from nasnet_keras.genotypes.cells import Edge as Edge
from nasnet_keras.genotypes.cells import Genotype as Genotype
from nasnet_keras.genotypes.chain import ChainGenotype as ChainGenotype
from nasnet_keras.genotypes.chain import ChainLayer as ChainLayer
from nasnet_keras.genotypes.macro import MacroGenotype as MacroGenotype
from nasnet_keras.genotypes.macro import MacroLayer as MacroLayer
from nasnet_keras.genotypes.nasbench201 import NASBench201Genotype as NASBench201Genotype
from nasnet_keras.genotypes.operation_builder import OperationBuilder as OperationBuilder
from nasnet_keras.genotypes.skeleton import Skeleton as Skeleton
from nasnet_keras.genotypes.stages import Stage as Stage
from nasnet_keras.genotypes.stages import StageGenotype as StageGenotype
from nasnet_keras.inference.errors import ExportError as ExportError
from nasnet_keras.inference.exporting import export as export
from nasnet_keras.inference.fusing import fuse_for_inference as fuse_for_inference
from nasnet_keras.inference.report import ExportReport as ExportReport
from nasnet_keras.latency.errors import LatencyError as LatencyError
from nasnet_keras.latency.errors import MachineBusy as MachineBusy
from nasnet_keras.latency.measuring import Latency as Latency
from nasnet_keras.latency.measuring import measure_latency as measure_latency
from nasnet_keras.layers.drop_path import DropPathSchedule as DropPathSchedule
from nasnet_keras.networks.builder import Builder as Builder
from nasnet_keras.networks.cells import NASNetFromGenotype as NASNetFromGenotype
from nasnet_keras.networks.chain import ChainFromGenotype as ChainFromGenotype
from nasnet_keras.networks.cost import Cost as Cost
from nasnet_keras.networks.cost import genotype_cost as genotype_cost
from nasnet_keras.networks.counting import LayerCosts as LayerCosts
from nasnet_keras.networks.counting import layer_costs as layer_costs
from nasnet_keras.networks.counting import model_cost as model_cost
from nasnet_keras.networks.nasbench201 import NASBench201FromGenotype as NASBench201FromGenotype
from nasnet_keras.networks.stages import StagesFromGenotype as StagesFromGenotype
from nasnet_keras.networks.taps import taps as taps
from nasnet_keras.plotting.cells import plot_genotype as plot_genotype
from nasnet_keras.training.picture import plot_training_curve as plot_training_curve

__version__: str
__all__ = [
    "Block",
    "Builder",
    "Card",
    "Cell",
    "ChainFromGenotype",
    "ChainGenotype",
    "ChainLayer",
    "Cost",
    "DropPathSchedule",
    "Edge",
    "ExportError",
    "ExportReport",
    "Genotype",
    "GenotypeError",
    "Latency",
    "LatencyError",
    "LayerCosts",
    "MachineBusy",
    "MacroGenotype",
    "MacroLayer",
    "NASBench201FromGenotype",
    "NASBench201Genotype",
    "NASNetFromGenotype",
    "OperationBuilder",
    "Skeleton",
    "Stage",
    "StageGenotype",
    "StagesFromGenotype",
    "applications",
    "conventions",
    "export",
    "fuse_for_inference",
    "genotype_cost",
    "genotypes",
    "layer_costs",
    "measure_latency",
    "model_cost",
    "plot_genotype",
    "plot_training_curve",
    "pretrained",
    "search",
    "taps",
]
