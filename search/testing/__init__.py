"""Contract tests for classes of one's own: the rules of `Space`, `Algorithm`, `Evaluator`, `Executor` and `Builder`.

    from nasnet_keras.search import testing
    testing.check_space(MySpace())
    testing.check_algorithm(MyAlgorithm, MySpace())
    testing.check_evaluator(MyEvaluator, MySpace())
    testing.check_executor(MyExecutor)
    testing.check_builder(MyBuilder, lambda builder, shape: keras.Input(shape))

Each returns nothing if the rules hold, and raises `ContractError`, an `AssertionError`, if one is broken. They need no
test runner. The package's own classes pass the same checks.
"""

from nasnet_keras.search.testing.algorithms import check_algorithm
from nasnet_keras.search.testing.builders import check_builder
from nasnet_keras.search.testing.contract import ContractError
from nasnet_keras.search.testing.evaluators import check_evaluator
from nasnet_keras.search.testing.executors import check_executor
from nasnet_keras.search.testing.spaces import check_space

__all__ = ["ContractError", "check_algorithm", "check_builder", "check_evaluator", "check_executor", "check_space"]
