import { render } from 'preact'
import { ChatApp } from './chat/chat-app.tsx'
import { islandRoot } from './lib/browser.ts'
import { ready } from './lib/ready.ts'

const root = islandRoot('chat')
// Sound: written by pages/chat.ts as a list of ids.
const models = JSON.parse(root.dataset['models'] ?? '[]') as readonly string[]
root.replaceChildren()
render(<ChatApp models={models} />, root)
ready()
