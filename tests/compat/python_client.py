"""What a Python developer does with the official package. Prints one JSON object: what each step found."""
import json
import os
import sys

import openai

base_url, api_key, poor_key, model = sys.argv[1:5]
TOOL = {
    "name": "add",
    "parameters": {
        "type": "object",
        "properties": {"a": {"type": "number"}, "b": {"type": "number"}},
        "required": ["a", "b"],
        "additionalProperties": False,
    },
}
PERSON = {"type": "object", "properties": {"name": {"type": "string"}, "age": {"type": "number"}}}


def client(**more):
    return openai.OpenAI(**{"base_url": base_url, "api_key": api_key, "max_retries": 0, **more})


def user(text):
    return [{"role": "user", "content": text}]


def chat(text, **more):
    return client().chat.completions.create(model=model, messages=user(text), **more)


def stream():
    chunks = list(chat("hi", stream=True))
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks)


def tools():
    answer = chat("2+3?", tools=[{"type": "function", "function": TOOL}])
    call = answer.choices[0].message.tool_calls[0]
    return [call.function.name, json.loads(call.function.arguments)]


def structured():
    schema = {"name": "person", "schema": PERSON}
    answer = chat("who?", response_format={"type": "json_schema", "json_schema": schema})
    return json.loads(answer.choices[0].message.content)


def embeddings():
    data = client().embeddings.create(model=model, input=["one", "two"]).data
    return [len(item.embedding) for item in data]


def responses():
    with client().responses.stream(model=model, input="hi") as events:
        for _ in events:
            pass
        return events.get_final_response().output_text


def error(ask):
    try:
        ask()
    except openai.APIStatusError as found:
        return [type(found).__name__, found.status_code, found.code]
    except openai.APIError as found:
        return [type(found).__name__, None, found.code]
    return None


def abort():
    answer = chat("forever", stream=True, max_tokens=50000)
    for chunk in answer:
        if (chunk.choices[0].delta.content or "").startswith("on"):
            break
    answer.close()
    return True


def other(key=api_key, name=model, **more):
    return lambda: client(api_key=key).chat.completions.create(model=name, messages=user("hi"), **more)


def retries():
    asked = client(max_retries=2).chat.completions.create(
        model=model, messages=user(f"fail 1 503 {os.getpid()}")
    )
    return asked.choices[0].message.content


print(
    json.dumps(
        {
            "chat": chat("hi").choices[0].message.content,
            "stream": stream(),
            "tools": tools(),
            "structured": structured(),
            "embeddings": embeddings(),
            "responses": responses(),
            "401": error(other(key="sk-coc-wrong")),
            "402": error(other(key=poor_key)),
            "404": error(other(name="none")),
            "400": error(other(n=0)),
            "died": error(lambda: list(chat("die", stream=True))),
            "abort": abort(),
            "retries": retries(),
        }
    )
)
