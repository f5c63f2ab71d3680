"""usage: pip install openai; COCOON_BASE_URL=… COCOON_API_KEY=… python examples/python.py"""

import os

from openai import OpenAI

client = OpenAI(base_url=os.environ["COCOON_BASE_URL"], api_key=os.environ["COCOON_API_KEY"])
model = os.environ.get("COCOON_MODEL", "tiny-demo")

stream = client.chat.completions.create(
    model=model,
    messages=[{"role": "user", "content": "Who are you?"}],
    stream=True,
)
print("stream: ", end="")
for chunk in stream:
    if chunk.choices:
        print(chunk.choices[0].delta.content or "", end="")
print()
