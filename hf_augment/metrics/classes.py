"""What the metrics on predicted classes share: whole numbers in, scikit-learn behind."""

import inspect
from typing import Any, ClassVar

import datasets
import evaluate

_SCIKIT_LEARN = """@article{scikit-learn,
  title={Scikit-learn: Machine Learning in {P}ython},
  author={Pedregosa, F. and Varoquaux, G. and Gramfort, A. and Michel, V. and Thirion, B. and Grisel, O. and
    Blondel, M. and Prettenhofer, P. and Weiss, R. and Dubourg, V. and Vanderplas, J. and Passos, A. and
    Cournapeau, D. and Brucher, M. and Perrot, M. and Duchesnay, E.},
  journal={Journal of Machine Learning Research},
  volume={12},
  pages={2825--2830},
  year={2011}
}"""
_REFERENCE = "https://scikit-learn.org/stable/modules/generated/sklearn.metrics.{}.html"


class ClassMetric(evaluate.Metric):
    """A metric on predicted and true classes; its docstring is what `evaluate` shows."""

    function: ClassVar[str]  # of sklearn.metrics

    def _info(self):
        described = inspect.getdoc(type(self))
        classes = datasets.Features({"predictions": datasets.Value("int64"), "references": datasets.Value("int64")})
        return evaluate.MetricInfo(
            description=described.partition("\n\n")[0],
            citation=_SCIKIT_LEARN,
            inputs_description=described,
            features=classes,
            reference_urls=[_REFERENCE.format(self.function)],
        )


class AveragedMetric(ClassMetric):
    """A metric that is computed for each class and then averaged over the classes."""

    def _compute(
        self,
        predictions: Any,
        references: Any,
        average: str | None = "macro",
        labels: list[int] | None = None,
        pos_label: int = 1,
        sample_weight: Any = None,
        zero_division: float = 0.0,
    ) -> dict[str, Any]:
        from sklearn import metrics

        found = getattr(metrics, self.function)(
            references,
            predictions,
            average=average,
            labels=labels,
            pos_label=pos_label,
            sample_weight=sample_weight,
            zero_division=zero_division,
        )
        return {self.name: found.tolist() if average is None else float(found)}
