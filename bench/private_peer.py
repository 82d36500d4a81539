"""Presidio in an interpreter of its own: reads one JSON object a line, answers with one. Needs presidio-analyzer only.

    PYTHON bench/private_peer.py [SPACY-MODEL]

With the name of an installed spaCy model the name recognizer is on; without one it is off, and spaCy only splits words.
Presidio is asked in English and in Polish, and all that either finds counts.
"""

# pyright: basic, reportMissingImports=false

import json
import logging
import sys
import time

LANGUAGES = ("en", "pl")


def analyzer(model: str | None):  # noqa: ANN201 - this file runs where none of our types are
    """Presidio's own recognizers for both languages, and Polish telephone numbers besides its default regions."""
    import spacy
    from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
    from presidio_analyzer.nlp_engine import NerModelConfiguration, SpacyNlpEngine
    from presidio_analyzer.predefined_recognizers import PhoneRecognizer

    class Loaded(SpacyNlpEngine):
        """An engine whose pipelines are given."""

        def __init__(self) -> None:
            super().__init__(ner_model_configuration=NerModelConfiguration())
            self.nlp = {language: spacy.load(model) if model else spacy.blank(language) for language in LANGUAGES}

        def load(self) -> None:
            """They are loaded."""

        def is_loaded(self) -> bool:
            """Always."""
            return True

    engine = Loaded()
    registry = RecognizerRegistry(supported_languages=list(LANGUAGES))
    registry.load_predefined_recognizers(languages=list(LANGUAGES), nlp_engine=engine)
    if not model:
        registry.remove_recognizer("SpacyRecognizer")
    regions = (*PhoneRecognizer.DEFAULT_SUPPORTED_REGIONS, "PL")
    registry.remove_recognizer("PhoneRecognizer")
    for language in LANGUAGES:
        registry.add_recognizer(PhoneRecognizer(supported_regions=regions, supported_language=language))
    return AnalyzerEngine(nlp_engine=engine, registry=registry, supported_languages=list(LANGUAGES))


def main() -> None:
    """Answer until standard input ends: findings of each text, and the processor time of one language and of both."""
    logging.disable(logging.CRITICAL)
    engine = analyzer(sys.argv[1] if len(sys.argv) > 1 else None)
    engine.analyze("Call 212-555-1234 or a@b.com.", "en")
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        language = asked.get("language", "en")
        started = time.process_time()
        found = [engine.analyze(text, language) for text in asked["texts"]]
        seconds = time.process_time() - started
        other = [engine.analyze(text, "pl" if language == "en" else "en") for text in asked["texts"]]
        both = time.process_time() - started
        found = [one + two for one, two in zip(found, other, strict=True)]
        rows = [[[item.entity_type, item.start, item.end, item.score] for item in items] for items in found]
        print(json.dumps({"seconds": seconds, "seconds_both": both, "found": rows}), flush=True)


if __name__ == "__main__":
    main()
