/** Written by `make contracts` from lam/protocol/sampling.py; edit that instead. */
export const SETTINGS = [
  {
    "name": "temperature",
    "label": "Temperature",
    "hint": "0 is the same each time, 2 is wild",
    "isCommon": true,
    "control": "slider",
    "min": 0,
    "max": 2,
    "step": 0.05
  },
  {
    "name": "top_p",
    "label": "Top-p",
    "hint": "how much of the likely words is drawn from",
    "isCommon": true,
    "control": "slider",
    "min": 0.05,
    "max": 1,
    "step": 0.05
  },
  {
    "name": "max_tokens",
    "label": "Longest reply, in tokens",
    "hint": "",
    "isCommon": true,
    "control": "number",
    "min": 1,
    "max": 2147483647,
    "step": 1
  },
  {
    "name": "top_k",
    "label": "Top-k",
    "hint": "only so many of the likeliest words; 0: all",
    "isCommon": false,
    "control": "number",
    "min": 0,
    "max": 2147483647,
    "step": 1
  },
  {
    "name": "min_p",
    "label": "Min-p",
    "hint": "no word less likely than this part of the likeliest; 0: any",
    "isCommon": false,
    "control": "number",
    "min": 0,
    "max": 1,
    "step": "any"
  },
  {
    "name": "seed",
    "label": "Seed",
    "hint": "the same seed repeats a reply",
    "isCommon": false,
    "control": "number",
    "min": 0,
    "max": 4294967294,
    "step": 1
  },
  {
    "name": "stop",
    "label": "Stop at",
    "hint": "one text a line, up to four; the reply ends before the first that comes",
    "isCommon": false,
    "control": "lines"
  },
  {
    "name": "presence_penalty",
    "label": "Presence penalty",
    "hint": "above 0: words that were used come less often",
    "isCommon": false,
    "control": "number",
    "min": -2,
    "max": 2,
    "step": "any"
  },
  {
    "name": "frequency_penalty",
    "label": "Frequency penalty",
    "hint": "above 0: the more often a word was used, the rarer it gets",
    "isCommon": false,
    "control": "number",
    "min": -2,
    "max": 2,
    "step": "any"
  },
  {
    "name": "repeat_penalty",
    "label": "Repeat penalty",
    "hint": "above 1: recent words come less often",
    "isCommon": false,
    "control": "number",
    "min": 0.05,
    "max": 2,
    "step": "any"
  },
  {
    "name": "response_format",
    "label": "JSON schema",
    "hint": "the answer is JSON that fits this schema",
    "isCommon": false,
    "control": "schema"
  },
  {
    "name": "reasoning",
    "label": "Thinking",
    "hint": "whether the model thinks before it answers, and how long",
    "isCommon": true,
    "control": "reasoning"
  }
] as const;
