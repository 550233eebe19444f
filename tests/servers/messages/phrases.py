"""What the responder recognises and says, in English, Portuguese and Russian."""

from __future__ import annotations

import re

Language = str

PORTUGUESE = re.compile(
    r"\b(ol[áa]|bom dia|boa (?:tarde|noite)|obrigad[oa]|que horas|qual|voc[êe]|meu nome|lembr[ea]|esque[çc]a|"
    r"por favor|como|quem|est[áa]|n[ãa]o|busque|abra|leia|texto|lista)\b|[ãõç]",
    re.IGNORECASE,
)

# The first that is found decides; recall stands before remember ("what do you remember").
INTENTS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (name, re.compile(pattern, re.IGNORECASE))
    for name, pattern in (
        (
            "recall",
            r"what (?:do|did) (?:you|i) (?:know|remember|tell)|do you remember|"
            r"o que (?:voc[êe] )?(?:sabe|lembra)|что ты (?:знаешь|помнишь)",
        ),
        ("remember", r"\b(?:remember|lembre(?:-se)?|guarde)\b|запомни"),
        ("forget", r"\b(?:forget|esque[çc]a)\b|забудь"),
        ("fetch", r"https?://\S+"),
        (
            "time",
            r"what(?:'s| is)? (?:the )?(?:time|date)|que (?:horas|dia)|"
            r"который час|сколько времени|какое (?:число|время)",
        ),
        (
            "attachment",
            r"\b(?:attachment|attached|anexo|arquivo)\b|\bread (?:the |this )?file|вложени|прочитай файл",
        ),
        ("name_is", r"\bmy name is (\w+)|\bi am called (\w+)|meu nome [ée] (\w+)|меня зовут (\w+)"),
        ("my_name", r"what(?:'s| is) my name|qual [ée] (?:o )?meu nome|как меня зовут"),
        ("sum", r"(?<![\d.-])(-?\d+(?:\.\d+)?)\s*([-+*/x×])\s*(-?\d+(?:\.\d+)?)(?![\d.]*[-/\d])"),
        ("long", r"\b(?:long (?:text|answer|story)|essay|texto longo|resposta longa)\b|длинн"),
        ("markdown", r"\b(?:markdown|table|list|code|tabela|lista|c[óo]digo)\b|таблиц|список|код"),
        ("who", r"who are you|what are you|quem [ée] voc[êe]|кто ты"),
        ("help", r"\b(?:help|what can you do|ajuda|o que voc[êe] faz)\b|помощь|что ты умеешь"),
        ("thanks", r"\b(?:thanks|thank you|obrigad[oa]|valeu)\b|спасибо"),
        ("hello", r"\b(?:hi|hello|hey|ol[áa]|oi|bom dia|boa tarde|boa noite)\b|привет|здравствуй"),
    )
)

TOOL_HINTS: dict[str, tuple[str, ...]] = {
    "recall": ("recall", "search_facts", "memory"),
    "remember": ("remember", "save_fact"),
    "forget": ("forget",),
    "fetch": ("fetch", "url", "browse"),
    "time": ("time", "clock"),
    "attachment": ("attachment", "read_file"),
}

WORDS: dict[Language, dict[str, str]] = {
    "en": {
        "hello": "Hello! What can I do for you?",
        "thanks": "You are welcome.",
        "who": (
            "I am the model emulator of the demo: small, offline and always the same. A real model takes "
            "my place as soon as a key is configured."
        ),
        "help": ("Try: **what time is it**, *remember that I like tea*, `12 * 7`, a table, or a long answer."),
        "name_is": "Nice to meet you, {0}.",
        "my_name": "Your name is {0}.",
        "no_name": "You have not told me your name yet.",
        "sum": "{0} {1} {2} = **{3}**",
        "no_division": "Nothing can be divided by zero.",
        "no_tool": "I have no tool for that here, so I can only answer in words.",
        "tool": "Here is what I got:\n\n{0}",
        "tool_failed": "That did not work: {0}",
        "remember_done": "I will remember that.",
        "forget_done": "It is forgotten.",
        "other": "You wrote: “{0}”. I am only an emulator, so I repeat it and say that all is well.",
        "question": "A good question: “{0}”. I am only an emulator; a real model would know more.",
        "picture": "Thank you for the picture. I cannot see, but it arrived.",
        "paragraph": (
            "Paragraph {0}. The river runs past the town, the town grows along the river, and each of "
            "them is what it is because of the other. Boats come in the morning and leave before night."
        ),
    },
    "pt": {
        "hello": "Olá! Como posso ajudar?",
        "thanks": "De nada.",
        "who": (
            "Sou o emulador de modelo da demonstração: pequeno, offline e sempre igual. Um modelo de "
            "verdade assume assim que uma chave for configurada."
        ),
        "help": (
            "Experimente: **que horas são**, *lembre que eu gosto de chá*, `12 * 7`, uma tabela ou um texto longo."
        ),
        "name_is": "Prazer, {0}.",
        "my_name": "Seu nome é {0}.",
        "no_name": "Você ainda não me disse seu nome.",
        "sum": "{0} {1} {2} = **{3}**",
        "no_division": "Nada pode ser dividido por zero.",
        "no_tool": "Não tenho uma ferramenta para isso aqui; só posso responder com palavras.",
        "tool": "Aqui está o que encontrei:\n\n{0}",
        "tool_failed": "Não funcionou: {0}",
        "remember_done": "Vou me lembrar disso.",
        "forget_done": "Está esquecido.",
        "other": "Você escreveu: “{0}”. Sou só um emulador, então repito e digo que está tudo bem.",
        "question": "Boa pergunta: “{0}”. Sou só um emulador; um modelo de verdade saberia mais.",
        "picture": "Obrigado pela imagem. Não consigo ver, mas ela chegou.",
        "paragraph": (
            "Parágrafo {0}. O rio passa pela cidade, a cidade cresce ao longo do rio, e cada um é o que "
            "é por causa do outro. Os barcos chegam de manhã e partem antes da noite."
        ),
    },
    "ru": {
        "hello": "Привет! Чем помочь?",
        "thanks": "Пожалуйста.",
        "who": (
            "Я эмулятор модели для демонстрации: маленький, без сети и всегда одинаковый. Настоящая "
            "модель займёт моё место, как только будет задан ключ."
        ),
        "help": ("Попробуйте: **который час**, *запомни, что я люблю чай*, `12 * 7`, таблицу или длинный ответ."),
        "name_is": "Приятно познакомиться, {0}.",
        "my_name": "Вас зовут {0}.",
        "no_name": "Вы ещё не сказали, как вас зовут.",
        "sum": "{0} {1} {2} = **{3}**",
        "no_division": "На ноль делить нельзя.",
        "no_tool": "Здесь у меня нет инструмента для этого, могу ответить только словами.",
        "tool": "Вот что получилось:\n\n{0}",
        "tool_failed": "Не вышло: {0}",
        "remember_done": "Я запомню это.",
        "forget_done": "Забыто.",
        "other": "Вы написали: «{0}». Я всего лишь эмулятор, поэтому повторяю и говорю, что всё хорошо.",
        "question": "Хороший вопрос: «{0}». Я всего лишь эмулятор; настоящая модель знала бы больше.",
        "picture": "Спасибо за картинку. Я не вижу, но она дошла.",
        "paragraph": (
            "Абзац {0}. Река течёт мимо города, город растёт вдоль реки, и каждый из них таков благодаря "
            "другому. Лодки приходят утром и уходят до ночи."
        ),
    },
}

MARKDOWN = """## An example

1. **Bold**, *italic*, ~~struck~~ and `code`
2. A quote:

> Simple things should be simple.

| step | state |
| --- | --- |
| build | done |
| test | 42 < 43 & counting |

```python
def greet(name: str) -> str:
    return f"Hello, {name}!"
```
"""


def language_of(text: str) -> Language:
    """en, pt or ru by the letters and words of a text."""
    if re.search(r"[а-яё]", text, re.IGNORECASE):
        return "ru"
    return "pt" if PORTUGUESE.search(text) else "en"


def find_intent(text: str) -> tuple[str, re.Match[str]] | None:
    """The first intent whose pattern is in the text."""
    for name, pattern in INTENTS:
        if match := pattern.search(text):
            return name, match
    return None
