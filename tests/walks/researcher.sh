# A researcher: a space, an algorithm, a limit and an objective of their own, the next day, several seeds, a table.
source "$(dirname "$0")/said.sh"

SECONDS=0
refused "did you mean 'bayesian'" nasnet-search --algorithm=bayesain --workdir=s1
refused "trials" nasnet-search --trails=6 --workdir=s1
test $SECONDS -lt 20
test ! -e s1/study.json

small="--trials=3 --random_trials=2 --epochs=1 --filters=4 --train_images=200 --finalists=0"
cat > mine.py <<'PYTHON'
def small_and_right(metrics):
    """The accuracy, less a tenth for a million multiply-adds."""
    return metrics["validation_accuracy"] - metrics["multiply_adds"] / 1e7
PYTHON
export PYTHONPATH=$PWD
said "Best|best" nasnet-search --workdir=s1 --limit=parameters=2e5 --objective=mine:small_and_right $small
heard "Next:"
said "Best|best" nasnet-search --workdir=s1 --trials=5
said "^5$" python -c "
from nasnet_keras import search
study = search.load_study('s1')
print(repr(study))
print(len([trial for trial in study.trials if trial.status == 'ok']))"
said "mean" nasnet-search --evaluator=zero_cost --proxy=parameters --seeds=2 --trials=4 --random_trials=4 --finalists=0 --workdir=seeds
test -s seeds/report.html
said "mean" python -c "
from nasnet_keras import search
study = search.load_study('s1')
search.plot_optimization_history(study, 'history.svg')
search.plot_pareto_front(study, 'front.svg', 'parameters')
print(search.compare(search.load_studies('seeds')), 'mean')
try:
    print(study.to_dataframe().columns)
except ImportError as error:
    print(error)"
heard "pandas|reward"
test -s history.svg && test -s front.svg
