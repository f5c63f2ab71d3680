/** Whether hosts must prove their wallets: off is for worlds of play money. */
export type HostProofRule = 'required' | 'off'
