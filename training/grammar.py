"""Prompts put together from an opening and an object, so that the model meets the words of each trade in many places.

`{}` in an opening is where the object stands. Topics are shared by tasks that differ only in what is asked of them.
"""

import random

from training.rows import Row

TOPICS = {
    "en": "the Roman empire|black holes|honey bees|electric cars|coffee|the stock market|Polish cuisine|sleep|vaccines|the ocean|jazz|"
    "remote work|dinosaurs|the French Revolution|volcanoes|chess|climate change|democracy|the human heart|space travel|yoga|tea|social media|"
    "photosynthesis|wolves|ancient Egypt|inflation|football|gardening|robots|dreams|friendship|winter|the moon|trains|diabetes|cats|education",
    "pl": "czarnych dziurach|pszczołach|kawie|giełdzie|śnie|szczepionkach|jazzie|pracy zdalnej|dinozaurach|wulkanach|szachach|klimacie|"
    "demokracji|sercu|podróżach w kosmos|Egipcie|inflacji|piłce nożnej|ogrodzie|robotach|marzeniach|przyjaźni|zimie|księżycu|pociągach|kotach|"
    "szkole|mamie|górach|morzu|Krakowie|smoku|babci|wilkach|komputerach",
}
TECH = (
    "docker container|kubernetes namespace|ansible playbook|nginx config|postgres index|mysql trigger|redis cluster|react hook|vue component|"
    "angular service|typescript types|css flexbox layout|html form|python script|pandas dataframe|numpy array|pytorch model|tensorflow layer|"
    "java stream|spring boot controller|kotlin coroutine|swift app|swiftui view|flutter widget|c++ template|c# linq query|rust lifetime|"
    "go channel|php session|laravel migration|django model|flask endpoint|fastapi route|sql join|mongodb aggregation|graphql schema|rest api|"
    "websocket server|unity script|unreal engine actor|godot scene|blender addon|shader|arduino sketch|raspberry pi|esp32 firmware|verilog module|"
    "fpga|circuit with an op amp|matlab function|r ggplot chart|excel macro|vba function|google sheets formula|power bi measure|regex|bash script|"
    "powershell cmdlet|cron job|git branch|github action|ci pipeline|terraform module|aws lambda|s3 bucket|azure function|linux kernel module|"
    "systemd unit|ssh key|iptables rule|vlan|openwrt router|ffmpeg command|web scraper|selenium test|playwright test|unit tests|"
    "telegram bot|discord bot|chrome extension|android activity|gradle build|cmake file|makefile|segmentation fault|null pointer exception|"
    "memory leak|deadlock|stack overflow|binary tree|linked list|hash map|sorting algorithm|dynamic programming|graph search|neural network|"
    "gan loss|transformer model|gpu memory|cuda kernel|langchain agent|rag pipeline|openai api|jwt auth|oauth login|microservice|kafka consumer|"
    "spark job|snowflake table|json parser|xml schema|yaml file|csv import|latex table|svg animation|three.js scene|webpack config|npm package|"
    "pip install error|virtualenv|jupyter notebook|stored procedure|entity framework|repository class|design pattern|lua script|roblox game|minecraft plugin"
)
MATHS = (
    "the integral of x sin x|the derivative of ln(3x)|the limit of (1+1/n)^n|x^2 - 7x + 12 = 0|the determinant of a 3x3 matrix|eigenvalues|"
    "the area under y = x^2 from 0 to 3|the probability of two sixes|a standard deviation|a confidence interval|the variance of a Poisson variable|"
    "the volume of a cone|the mean value theorem|the chain rule|a geometric series|binomial coefficients|the least common multiple of 12 and 18|"
    "the greatest common divisor of 84 and 126|a quadratic equation|a differential equation y' = 2y|Fourier series|a group of order 6|"
    "the rank of a matrix|compound interest at 5% for 10 years|the monthly payment of a loan|the speed of a falling ball|the force on an inclined plane|"
    "the electric field of a sphere|kinetic energy|the equilibrium constant|the molar mass|the pH of a buffer|the period of a pendulum|logarithms|"
    "modular arithmetic|a prime number theorem|a linear regression by hand|KL divergence between two Gaussians|an expected value|permutations|"
    "a vector cross product|the equation of a tangent line|the velocity after 10 s|break-even point|net present value|a truth table (p→q)∧r|"
    "sequence 3, 8, 15, 24|percent of 640|3/8 + 5/12|square root of 2025|kilometres to miles|the angle of a triangle"
)
FORMS = (
    "a poem about {}|a short story about {}|a haiku about {}|a dialogue about {}|a song about {}|lyrics about {}|a fanfic about {}|a joke speech about {}|"
    "a screenplay about {}|a monologue about {}|a blog post about {}|a slogan about {}|a fairy tale about {}|a scene about {}|a letter about {}|"
    "an advert about {}|a riddle about {}|a role-play about {}|a rap about {}|a review about {}|a LinkedIn post about {}|a YouTube script about {}"
)
_OPENINGS: dict[tuple[str, str], tuple[str, str]] = {
    ("code", "en"): (
        "Write a {}|how to set up a {}|fix my {}|{} not working, what is wrong|Implement a {} for a shop|create {}|Explain this {} error|debug {}|"
        "best practice for a {}?|help me with a {}|Optimize my {}|show me an example of a {}|I need a {} that runs every night|Design a {} with tests|"
        "convert this to a {}|why does my {} crash|make a {}|can you write me a {} please|refactor the {}|I get an error in my {}", TECH),
    ("code", "pl"): (
        "Napisz {}|jak skonfigurować {}|napraw {}|nie działa mi {}, co jest źle|Zaimplementuj {}|stwórz {}|Wyjaśnij błąd: {}|zoptymalizuj {}|"
        "jak zrobić {} w projekcie|pomóż mi z {}|pokaż przykład: {}|potrzebuję {} z testami|Dlaczego {} się wywala?|jak naprawic {}|popraw kod: {}", TECH),
    ("math", "en"): (
        "Find {}|Calculate {}|Compute {} step by step|how do you get {}|Solve: {}|Prove a statement about {}|what is {}?|Derive {}|Evaluate {}|show your work: {}|"
        "Determine {}|need help with {}|explain the maths of {}", MATHS),
    ("creative", "en"): (
        "Write {}|Compose {}|Come up with {}|Create {}|I want {}|give me {}, funny|make up {} in the style of a pirate|Generate {}|Draft {}|help me write {}",
        FORMS),
    ("factual_qa", "en"): (
        "What is special about {}?|Explain {}|How did {} begin?|Tell me about {}|What are the main facts about {}?|Why do people study {}?|"
        "What are the effects of {}?|How does {} influence society?|Describe the history of {}.|what should I know about {}|"
        "What are the pros and cons of {}?|How can beginners learn about {}?|Who discovered the most about {}?", TOPICS["en"]),
    ("factual_qa", "pl"): (
        "Co warto wiedzieć o {}?|Opowiedz mi o {}|Jakie są najważniejsze fakty o {}?|Wyjaśnij, co nauka mówi o {}|Kto napisał książkę o {}?|"
        "Od kiedy ludzie wiedzą o {}?|Czego możemy się dowiedzieć o {}?|Gdzie przeczytać o {}?", TOPICS["pl"]),
    ("creative", "pl"): (
        "Napisz wiersz o {}|Wymyśl bajkę o {}|Ułóż piosenkę o {}|Stwórz opowiadanie o {}|napisz opowiadanie o {}, 300 słów|Dialog o {}|Limeryk o {}|"
        "Zrób post na Instagrama o {}|Scenariusz filmu o {}|Przygotuj przemówienie o {}|Dokończ opowieść o {}|Wyobraź sobie, że jesteś aktorem w sztuce o {}|"
        "Opis postaci z książki o {}|mail z żartem o {}|Napisz rymowankę o {}|hasło reklamowe o {}", TOPICS["pl"]),
    ("reasoning", "en"): (
        "What if {} had never existed?|Why might someone dislike {}?|What would happen if {} disappeared tomorrow?|Why would a person prefer {} to money?|"
        "How many people think about {} each day? Estimate step by step.|What are subtle signs that someone lies about {}?|"
        "If all experts on {} are honest and Bob is not honest, is Bob an expert on {}?|Suppose {} were banned: reason about the consequences.", TOPICS["en"]),
    ("reasoning", "pl"): (
        "Co by było, gdyby nikt nie wiedział o {}?|Dlaczego ktoś mógłby nie chcieć rozmawiać o {}? Rozważ powody.|"
        "Ile osób dziennie myśli o {}? Oszacuj krok po kroku.|Po czym poznać, że ktoś kłamie, mówiąc o {}?|"
        "Jeśli każdy ekspert wie o {}, a Jan nie wie, to czy Jan jest ekspertem? Uzasadnij.|Gdyby zapomniano o {}, jakie byłyby skutki? Przeanalizuj.|"
        "Zagadka logiczna o {}: kto mówi prawdę, a kto kłamie?", TOPICS["pl"]),
}  # fmt: skip
_POLISH_MATHS = (
    "pole trójkąta|obwód koła|pochodną funkcji sin(2x)|całkę z x^3|granicę ciągu|pierwiastek z 1225|15% z 860|prawdopodobieństwo dwóch szóstek|medianę|"
    "odchylenie standardowe|wyznacznik macierzy|równanie x^2 + 4x = 5|układ równań|ratę kredytu|odsetki po 3 latach|objętość stożka|drogę przebytą w 2 godziny|"
    "prędkość spadającej kuli|wartość wyrażenia 7*(3-5)|liczbę przekątnych|wzór na sumę ciągu|twierdzenie Pitagorasa|największy wspólny dzielnik 48 i 36|"
    "resztę z dzielenia|ile to 3/8 + 1/4|logarytm z 64|średnią z ocen|moc prądu|cenę po obniżce o 20%|liczbę binarną|że liczba jest podzielna przez 6"
)
_OPENINGS["creative", "short"] = (
    "show me {}|tell me {}|I'd like {}|write {}|{} please|make {}|Could you write {} for me?|now {}|Generate {}|another {}|Show me {} of yours",
    "a poem|a story|a short story|a haiku|a song|some lyrics|a limerick|a fairy tale|a bedtime story|a dialogue|a script|a love letter|a slogan|a monologue|"
    "a sonnet|an ode|a rap verse|a funny caption|a speech|an essay|a cover letter|a blog post",
)
_OPENINGS["math", "pl"] = (
    "Oblicz {}|Policz {}|Wyznacz {}|Rozwiąż: {}|Udowodnij {}|ile wynosi {}|zadanie z matematyki: {}|oblicz mi {} krok po kroku|Podaj {}|Znajdź {}|jak policzyc {}",
    _POLISH_MATHS,
)
_POLISH_ORDERS = (
    "budzik na 6|minutnik na 10 minut|przypomnienie na wieczór|spotkanie w piątek|wizytę u lekarza|stolik na cztery osoby|taksówkę na 7 rano|bilet do Gdańska|"
    "przelew do Kasi|zamówienie|światło w łazience|ogrzewanie|muzykę|rolety|telewizor w salonie|paczkę|kartę do bankomatu|rezerwację hotelu|mleko na listę zakupów|"
    "alarm|pranie|abonament|subskrypcję|pizzę|kuriera|zakupy na jutro|rachunek za prąd|lot do Londynu"
)
_OPENINGS["transactional", "pl"] = (
    "Ustaw {}|włącz {}|wyłącz {}|Zarezerwuj {}|Zamów {}|Anuluj {}|Przełóż {}|Zmień {}|Dodaj {}|zapłać za {}|gdzie jest {}?|Chcę odwołać {}|sprawdź {}|"
    "usuń {}|Zablokuj {}|kup {}|potwierdź {}|poproszę {}",
    _POLISH_ORDERS,
)


def made(seed: int = 0, of_each: int = 110) -> list[Row]:
    """`of_each` prompts for each task and language that has openings here; fewer where there are fewer combinations."""
    rng = random.Random(seed)
    rows: list[Row] = []
    for (task, lang), (openings, objects) in sorted(_OPENINGS.items()):
        texts = {_filled(rng, opening, thing, lang) for opening in openings.split("|") for thing in objects.split("|")}
        chosen = rng.sample(sorted(texts), min(of_each, len(texts)))
        rows += [Row(text=text, task=task, source="made", weight=0.5) for text in chosen]
    return rows


def _filled(rng: random.Random, opening: str, thing: str, lang: str) -> str:
    text = opening.replace("{}", thing).replace("{}", rng.choice(TOPICS.get(lang, TOPICS["en"]).split("|")))
    return text.lower() if rng.random() < 0.25 else text
