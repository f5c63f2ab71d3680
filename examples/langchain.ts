import { ChatOpenAI } from '@langchain/openai'
import { readWorld } from './world.ts'

const { baseURL, apiKey, model } = readWorld()
const chat = new ChatOpenAI({ model, apiKey, configuration: { baseURL } })

const answer = await chat.invoke('Who are you?')
console.log('answer:', answer.content)
