"""A second counter, written from the papers' rules and not from the package's code, to hold its costs to.

It works backwards and recursively where the package works forwards: `count` asks for the last output, and only what
is asked for is ever counted.
"""

from math import ceil, prod


class Counter:
    def __init__(self, genotype, size, channels, repeats, filters, stem="cifar", stem_filters=None, skip=False):
        self.parameters = self.moving = self.macs = 0
        self.memory = {}
        self.cells = []  # role, filters, indices of current and previous (None: raw current)
        self.genotype = genotype
        roles = []
        if stem == "imagenet":
            roles += [("reduction", filters // 4, True), ("reduction", filters // 2, True)]
        for stack in range(3):
            if stack:
                roles.append(("reduction", filters * 2**stack, False))
            roles += [("normal", filters * 2**stack, False)] * repeats
        outputs = [None, 0]
        for index, (role, width, _) in enumerate(roles):
            before = outputs[-2]
            follows = index and roles[index - 1][0] == "reduction" and not roles[index - 1][2]
            if skip and follows:
                before = outputs[-3]
            self.cells.append((role, width, outputs[-1], before))
            outputs.append(index + 1)
        self.image = (size, channels)
        self.imagenet = stem == "imagenet"
        self.stem_filters = stem_filters or (32 if self.imagenet else 3 * filters)

    def conv(self, side, weights, normalized):
        self.parameters += weights + 2 * normalized
        self.moving += 2 * normalized
        self.macs += weights * side * side

    def output(self, index):
        """(side, width) of an output; counted the first time."""
        if index not in self.memory:
            self.memory[index] = self.stem() if index == 0 else self.cell(*self.cells[index - 1])
        return self.memory[index]

    def side(self, index):
        """Its side alone, which costs nothing to know."""
        if index == 0:
            return (self.image[0] - 3) // 2 + 1 if self.imagenet else self.image[0]
        side = self.side(self.cells[index - 1][2])
        return ceil(side / 2) if self.cells[index - 1][0] == "reduction" else side

    def stem(self):
        side = self.side(0)
        self.conv(side, 9 * self.image[1] * self.stem_filters, self.stem_filters)
        return side, self.stem_filters

    def cell(self, role, f, current, previous):
        cell = getattr(self.genotype, role)
        side = self.side(current)
        target = ceil(side / 2) if role == "reduction" else side
        known = {}

        def state(name):
            if name not in known:
                known[name] = make(name)
            return known[name]

        def make(name):
            if name == "current":
                self.conv(side, self.output(current)[1] * f, f)
                return side, f
            if name == "previous":
                if previous is None:
                    return self.output(current)
                before, width = self.output(previous)
                if before == side and width == f and self.same_level(previous, current):
                    return side, f
                self.conv(side, width * f, f)
                return side, f
            block = cell.blocks[int(name.split("_")[1])]
            for edge in block.edges:
                self.edge(edge, read(edge.input), f, target, edge.input in ("current", "previous"), role)
            return target, f if block.combine == "add" else 2 * f

        def read(name):
            if name in ("current", "previous") or state(name)[1] == f:
                return state(name)
            if ("narrow", name) not in known:
                self.conv(target, state(name)[1] * f, f)
                known["narrow", name] = (target, f)
            return known["narrow", name]

        width = 0
        for name in cell.outputs:
            channels = state(name)[1]
            if name in ("current", "previous") and (role == "reduction" or channels != f):
                self.conv(target, channels * f, f)
                channels = f
            width += channels
        return target, width

    def same_level(self, a, b):
        def level(index):
            return sum(self.cells[i][0] == "reduction" for i in range(index))

        return level(a) == level(b)

    def edge(self, edge, source, f, target, is_input, role):
        kind, _, rest = edge.operation.partition("_")
        width = source[1]
        strided = is_input and role == "reduction"
        if edge.operation == "identity":
            if strided or width != f:
                self.conv(target, width * f, f)
        elif "pool" in rest:
            if width != f:
                self.conv(target, width * f, f)
        elif kind == "sep":
            k = int(rest[-1])
            self.conv(target, width * k * k + width * f, f)
            self.conv(target, f * k * k + f * f, f)
        elif kind == "conv" and "_" in rest:  # 1×k, stride along the width only, then k×1
            k = int(rest[2])
            self.parameters += k * width * f + k * f * f + 4 * f
            self.moving += 4 * f
            rows = source[0] if strided else target
            self.macs += k * width * f * rows * target + k * f * f * target * target
        else:
            k = int(rest[-1])
            self.conv(target, k * k * width * f, f)


def count(genotype, size, channels=3, repeats=6, filters=32, classes=10, **stem):
    """(all parameters, trainable ones, multiply-adds) of a network with a classifier."""
    counter = Counter(genotype, size, channels, repeats, filters, **stem)
    width = counter.output(len(counter.cells))[1]
    counter.parameters += (width + 1) * classes
    counter.macs += prod((width, classes))
    return counter.parameters + counter.moving, counter.parameters, counter.macs
