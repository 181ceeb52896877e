"""Search by an algorithm and in a space of one's own."""

from nasnet_keras import NASBench201Genotype, search

OPERATIONS = ("skip_connect", "nor_conv_1x1", "nor_conv_3x3")


class OneOperationPerNode(search.Space):
    """Cells of NAS-Bench-201 with the same operation on all edges into a node: 27 of them."""

    decisions = tuple(search.Decision(f"node_{node}", OPERATIONS) for node in (1, 2, 3))

    def decode(self, choices):
        first, second, third = self.pick(choices)  # a ValueError for illegal choices
        return str(NASBench201Genotype([first, second, second, third, third, third]))

    def encode(self, genotype):
        first, second, other, *third = NASBench201Genotype.from_plain(genotype).operations
        if second != other or len(set(third)) > 1:
            raise ValueError(f"the edges into a node of {genotype} have different operations")
        return self.find([first, second, third[0]])


class HillClimbing(search.Algorithm):
    """Mutates the best cell so far."""

    best, reward = None, float("-inf")

    def ask(self, trial):
        random = self.generator(trial)
        return self.space.mutate(self.best, random) if self.best else self.space.sample(random)

    def tell(self, choices, reward):  # the reward of a child that failed is None
        if reward is not None and reward > self.reward:
            self.best, self.reward = choices, reward


if __name__ == "__main__":
    config = search.SearchConfig("own", space="nasbench201", evaluator="tabular", table="nasbench201_cifar10.csv")
    print(search.run(config, algorithm=HillClimbing, space=OneOperationPerNode()).best)
