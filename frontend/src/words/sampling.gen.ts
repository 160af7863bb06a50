/** Written by `make contracts` from lam/protocol/sampling.py; edit that instead. */
export const SETTINGS = {
  "temperature": {
    "label": "Temperature",
    "hint": "0 gives the same reply each time, 2 is wild"
  },
  "top_p": {
    "label": "Top-p",
    "hint": "the share of the likely words that the model draws from"
  },
  "max_tokens": {
    "label": "Longest reply, in tokens",
    "hint": ""
  },
  "top_k": {
    "label": "Top-k",
    "hint": "draws from this many of the likeliest words; 0 means all"
  },
  "min_p": {
    "label": "Min-p",
    "hint": "leaves out words less likely than this share of the likeliest; 0 means none"
  },
  "typical_p": {
    "label": "Typical-p",
    "hint": "prefers words that are neither too likely nor too unlikely; 1 means any"
  },
  "seed": {
    "label": "Seed",
    "hint": "the same seed repeats a reply to the same conversation"
  },
  "stop": {
    "label": "Stop at",
    "hint": "one text per line, up to four; the reply ends before the first that comes"
  },
  "presence_penalty": {
    "label": "Presence penalty",
    "hint": "above 0, words that were used come less often"
  },
  "frequency_penalty": {
    "label": "Frequency penalty",
    "hint": "above 0, the more often a word was used, the rarer it gets"
  },
  "repeat_penalty": {
    "label": "Repeat penalty",
    "hint": "above 1, recent words come less often"
  },
  "response_format": {
    "label": "JSON schema",
    "hint": "the answer is JSON that fits this schema"
  },
  "reasoning": {
    "label": "Thinking",
    "hint": "whether the model thinks before it answers, and for how long"
  }
};
