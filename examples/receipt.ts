import OpenAI from 'openai'
import { readWorld } from './world.ts'

const { baseURL, apiKey, model } = readWorld()
const client = new OpenAI({ baseURL, apiKey })

const { data, response } = await client.chat.completions
  .create({ model, messages: [{ role: 'user', content: 'Who are you?' }] })
  .withResponse()
console.log('answer:', data.choices[0]?.message.content)

const id = response.headers.get('x-receipt-id')
const receipt = await fetch(`${baseURL}/aci/receipts/${id}`, {
  headers: { authorization: `Bearer ${apiKey}` },
})
const document = await receipt.json()
console.log('receipt:', document.receipt_id, 'signed by', document.key_id)

const credits = await fetch(`${baseURL}/credits`, {
  headers: { authorization: `Bearer ${apiKey}` },
})
console.log('credits:', (await credits.json()).data)
