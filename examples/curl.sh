#!/bin/sh
# usage: COCOON_BASE_URL=http://127.0.0.1:8787/v1 COCOON_API_KEY=sk-coc-… sh examples/curl.sh
set -eu
curl -sS --fail-with-body "$COCOON_BASE_URL/chat/completions" \
  -H "Authorization: Bearer $COCOON_API_KEY" \
  -H 'Content-Type: application/json' \
  -d "{\"model\":\"${COCOON_MODEL:-tiny-demo}\",\"messages\":[{\"role\":\"user\",\"content\":\"Who are you?\"}]}"
