"""Instructions that people put around a text, in English and Polish. `{}` is where the text stands."""

ENGLISH: dict[str, tuple[str, ...]] = {
    "summarisation": (
        "Summarize this in two sentences:\n\n{}", "tl;dr please\n\n{}", "{}\n\nCan you boil that down to three bullet points?",
        "Give me the gist of the passage below.\n{}", "What are the main points of this text?\n\n\"{}\"", "{}\n\nTLDR?",
        "I don't have time to read all of this, what does it say in short?\n\n{}", "Write an abstract for: {}",
        "Condense the following to at most 40 words.\n---\n{}\n---", "Key takeaways from this article:\n{}",
        "make a short summary of this: {}", "Recap the text for my boss in one paragraph. {}",
    ),
    "extraction": (
        "List every person mentioned in the text as JSON.\n\n{}", "Pull out all dates and numbers from this paragraph:\n{}",
        "{}\n\nExtract the place names, one per line.", "Which organisations appear below? Return a comma-separated list.\n\n{}",
        "Find all names, dates and locations in the following and put them in a table: {}",
        "From the text below, extract the key entities with their types. Output JSON only.\n\"\"\"{}\"\"\"",
        "Get me the keywords of this passage\n{}", "Turn this into a CSV with columns name, year, place:\n\n{}",
        "Identify every quantity in the passage and its unit.\n{}", "grab all the proper nouns from here: {}",
    ),
    "rewriting": (
        "Rewrite this so a ten-year-old understands it:\n{}", "Make this sound more formal: {}", "Paraphrase:\n\n{}",
        "Fix the grammar and spelling in this text. {}", "{}\n\nSay the same thing in simpler words.",
        "Improve the style of this paragraph but keep the meaning:\n{}", "can you reword this? {}",
        "Shorten the sentences and use active voice:\n\n{}", "Proofread the following:\n{}",
        "Change this paragraph from past to present tense.\n\n{}", "Polish this for a newsletter: {}",
        "Rephrase in a friendlier tone: \"{}\"",
    ),
    "translation": (
        "Translate to German:\n{}", "How do you say this in Spanish? \"{}\"", "{}\n\nTranslate the above into Polish.",
        "Translate the following paragraph from English to French. {}", "I need this in Italian please: {}",
        "Give me a Japanese version of this text:\n\n{}", "en -> de: {}", "put this into Portuguese, informal: {}",
        "Render the passage in Czech, keeping the names as they are.\n\n{}", "What does this mean in Ukrainian: {}",
    ),
    "classification": (
        "Is the tone of this text positive, negative or neutral?\n\n{}", "Classify the text into one of: sport, politics, science, history, culture.\n{}",
        "{}\n\nWhich category fits best: business, technology, health, travel?", "Label the passage with a single topic word from [war, art, nature, law]. {}",
        "Does the text below express an opinion or a fact? Answer with one word.\n{}", "Spam or not spam? {}",
        "Assign a genre to this text (news / encyclopedia / blog / advert):\n{}", "On a scale of 1 to 5, how formal is this? {}",
    ),
}  # fmt: skip

POLISH: dict[str, tuple[str, ...]] = {
    "summarisation": (
        "Streść to w trzech punktach:\n{}", "O czym jest ten tekst? Krótko.\n\n{}", "{}\n\nPodsumuj powyższe jednym zdaniem.",
        "Zrób mi skrót tego artykułu, maks 50 słów:\n{}", "Najważniejsze informacje z tekstu poniżej:\n\n{}", "tl;dr po polsku: {}",
        "Nie mam czasu tego czytać, powiedz w skrócie o co chodzi.\n{}", "Podaj główne tezy tego fragmentu. {}",
        "Skróć do dwóch zdań: {}", "napisz streszczenie tego tekstu\n\n{}",
    ),
    "extraction": (
        "Wypisz wszystkie daty i liczby z tekstu:\n{}", "Jakie nazwiska padają w tym fragmencie? Podaj listę.\n\n{}",
        "{}\n\nWydobądź nazwy miejscowości, każda w osobnej linii.", "Wyodrębnij z poniższego organizacje i zwróć tablicę JSON.\n{}",
        "Zrób tabelkę: osoba, rok, miejsce na podstawie tekstu: {}", "Znajdź w tekście wszystkie nazwy własne. {}",
        "wyciągnij słowa kluczowe:\n{}", "Podaj same kwoty i jednostki z tego akapitu:\n{}", "Wypisz w punktach fakty z tekstu. {}",
    ),
    "rewriting": (
        "Przepisz to prostszym językiem:\n{}", "Napisz to inaczej: {}", "Sparafrazuj poniższy akapit.\n\n{}",
        "Popraw błędy i interpunkcję w tekście: {}", "{}\n\nPowiedz to samo krótszymi zdaniami.", "Zredaguj ten fragment, żeby brzmiał mniej urzędowo:\n{}",
        "Zmień ton na bardziej przyjazny: {}", "Przeformułuj to w stronie czynnej.\n{}", "popraw stylistycznie\n\n{}",
        "Wygładź ten tekst na stronę internetową: {}",
    ),
    "translation": (
        "Przełóż na francuski:\n{}", "Jak powiedzieć po angielsku: {}", "{}\n\nPrzetłumacz powyższy tekst na hiszpański.",
        "przetlumacz to na niemiecki {}", "Potrzebuję tego po ukraińsku: {}", "Tłumaczenie na czeski poproszę:\n{}",
        "Podaj angielską wersję tego zdania: \"{}\"", "pl -> en: {}", "Zrób z tego tekst po włosku, zachowaj nazwy własne.\n{}",
    ),
    "classification": (
        "Czy ten tekst jest pozytywny, negatywny czy neutralny?\n{}", "Do jakiej kategorii pasuje: sport, historia, nauka, kultura?\n\n{}",
        "{}\n\nOkreśl temat jednym słowem z listy: polityka, przyroda, sztuka, technika.", "Sklasyfikuj tekst: opinia czy fakt? {}",
        "Spam czy nie spam? {}", "Oceń w skali 1-5, jak formalny jest ten tekst: {}", "Przypisz etykietę (wiadomość / reklama / encyklopedia):\n{}",
    ),
    "context_qa": (
        "{1}\n\n{0}", "Tekst: {0}\nPytanie: {1}", "{0}\n\n{1}", "Przeczytaj i odpowiedz: {1}\n\n{0}", "Kontekst:\n{0}\n\nOdpowiedz krótko: {1}",
        "Korzystając tylko z poniższego fragmentu, odpowiedz: {1}\n---\n{0}", "{0}\nNa podstawie powyższego: {1}",
    ),
}  # fmt: skip

ENGLISH["context_qa"] = (
    "{1}\n\n{0}", "Passage: {0}\nQuestion: {1}", "{0}\n\n{1}", "Read this and tell me: {1}\n\n{0}", "Context:\n{0}\n\nAnswer briefly: {1}",
    "Using only the text below, answer the question.\n{0}\nQ: {1}\nA:", "According to the passage, {1}\n\n\"{0}\"",
)  # fmt: skip
