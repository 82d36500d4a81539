"""What decides, made from settings: the policies, what reads text, and who may be asked for which kind of work."""

from collections.abc import Mapping

from tandem.app.remembering import Remembered
from tandem.gateway import Names, Rules
from tandem.routing import small_talk
from tandem.routing.observe import Judgement, Senses
from tandem.routing.private import Detector
from tandem.settings import Settings

DEVICE = "device"
"""The provider's name by which a ``[[model]]`` speaks of a model of this device, to give it tasks."""


def rules_of(settings: Settings) -> Rules:
    """The rules that the gateway follows."""
    detector = Detector(terms=settings.privacy.terms)
    return Rules(
        policies=settings.policies,
        protection=settings.protection,
        senses=senses(detector),
        detector=detector,
        offline=settings.offline,
    )


def senses(detector: Detector) -> Senses:
    """What reads text: the trained classifiers, and the search for private text."""
    from tandem.routing.difficulty import difficulty_of
    from tandem.routing.features import read
    from tandem.routing.tasks import classify_reading

    def judge(text: str) -> Judgement:
        reading = read(text)
        guess = classify_reading(reading)
        return Judgement(task=guess.label, confidence=guess.confidence, difficulty=difficulty_of(reading))

    return Senses(private=Remembered(detector.find), judge=judge, purpose=small_talk.recognise)


def names_of(settings: Settings) -> Names:
    """How models are called here, and the kinds of work of the device's own."""
    return Names(
        default_model=settings.device.model,
        default_embedder=settings.device.embedder,
        aliases=settings.aliases,
        tasks=tasks_of_device(settings),
    )


def tasks_of_device(settings: Settings) -> Mapping[str, tuple[str, ...]]:
    """The kinds of work that ``[[model]]`` rows with ``provider = "device"`` give to models of this device."""
    rows = [model for model in settings.models if model.provider == DEVICE and model.id]
    return {model.id: model.tasks for model in rows if model.id and model.tasks}
