"""The whole training text: templates written for this project, filled by a seeded generator.

No third-party text is used, so the weights carry no third-party licence. The order in which the
generator is called is part of the format: the same SEED gives the same documents on any Python 3.
"""

import random

SEED = 7

NAMES = "Tom Anna Leo Mia Sam Lily Ben Zoe Max Eva Jack Nora".split()
ANIMALS = "dog cat bird fox rabbit bear duck mouse frog horse".split()
ADJECTIVES = "small big red happy sad brave quiet funny kind old".split()
PLACES = "forest garden park river house school hill market beach kitchen".split()
THINGS = "ball book apple lamp kite box key cake drum boat".split()
FOODS = "bread soup cake apples rice cheese honey berries".split()
COLOURS = "red blue green yellow white black".split()
FEELINGS = "happy sad tired proud afraid hungry excited".split()
SHE = {"Anna", "Mia", "Lily", "Zoe", "Eva", "Nora"}

STORY_PROMPTS = [
    "Tell me a story.",
    "Write a short story",
    "Once upon a time",
    "Write a short story about a gateway.",
    "Please tell me a story about a friend.",
    "Say something",
]

QUESTIONS_AND_ANSWERS = [
    (
        ["Hello", "Hi", "Hey there", "Good morning", "hello!"],
        ["Hello! How can I help you today?", "Hi there! What would you like to talk about?"],
    ),
    (
        ["Who are you?", "What are you?", "What model is this?"],
        [
            "I am a tiny demo model with about one million parameters. I run on your own computer.",
            "I am a very small language model. I was trained on simple stories, "
            "so please do not trust my facts.",
        ],
    ),
    (
        ["How are you?", "How do you do?"],
        ["I am fine, thank you. How are you?", "I am well, thank you for asking."],
    ),
    (
        ["What can you do?", "Help", "What do you know?"],
        [
            "I can tell short stories and answer a few simple questions. "
            "I am here so that you can see real tokens stream."
        ],
    ),
    (["Thank you", "Thanks!", "thanks"], ["You are welcome!", "Any time!"]),
    (["Bye", "Goodbye", "See you"], ["Goodbye! Have a nice day."]),
]


def story(rng):
    """A story of an opening, three to six middle sentences in a fixed order, and an end."""
    name, friend = rng.sample(NAMES, 2)
    animal = rng.choice(ANIMALS)
    place = rng.choice(PLACES)
    thing = rng.choice(THINGS)
    elsewhere = rng.choice(PLACES)
    colour = rng.choice(COLOURS)
    pronoun = "she" if name in SHE else "he"
    opening = rng.choice(
        [
            f"Once upon a time there was a {rng.choice(ADJECTIVES)} {animal} who lived near the {place}.",
            f"One day {name} went to the {place}.",
            f"{name} had a {colour} {thing}.",
            f"It was a warm day and {name} was in the {place}.",
        ]
    )
    middle = [
        f"{name} saw a {rng.choice(ADJECTIVES)} {animal}.",
        f"The {animal} wanted to find a {thing}.",
        f"{name} and {friend} played with the {thing}.",
        f'"Can you help me?" asked {friend}.',
        f'"Yes, I can help you," said {name}.',
        f"They looked in the {elsewhere}, but the {thing} was not there.",
        f"Then {pronoun} found the {colour} {thing} under a tree.",
        f"The {animal} was {rng.choice(FEELINGS)}.",
        f"{friend} gave {name} some {rng.choice(FOODS)}.",
        "They walked home together.",
    ]
    kept = sorted(rng.sample(range(len(middle)), rng.randint(3, 6)))
    ending = rng.choice(
        [
            f"In the end, {name} was very happy.",
            f"{name} and {friend} were friends.",
            "They all went home and slept well.",
            f"And the {animal} was never alone again.",
        ]
    )
    return " ".join([opening, *(middle[index] for index in kept), ending])


def exchange(rng):
    """One question of the user with its answer."""
    draw = rng.random()
    if draw < 0.35:
        questions, answers = rng.choice(QUESTIONS_AND_ANSWERS)
        return rng.choice(questions), rng.choice(answers)
    if draw < 0.5:
        x, y = rng.randint(0, 9), rng.randint(0, 9)
        return rng.choice([f"What is {x} plus {y}?", f"{x} + {y} = ?"]), f"{x} plus {y} is {x + y}."
    if draw < 0.6:
        colour, thing = rng.choice(COLOURS), rng.choice(THINGS)
        return f"What color is the {colour} {thing}?", f"The {thing} is {colour}."
    return rng.choice(STORY_PROMPTS), story(rng)


def document(rng):
    turns = [exchange(rng) for _ in range(rng.randint(1, 2))]
    return "".join(f"<|user|>{question}<|assistant|>{answer}<|end|>" for question, answer in turns)


def corpus(count):
    """`count` documents, always the same ones."""
    rng = random.Random(SEED)
    return [document(rng) for _ in range(count)]
