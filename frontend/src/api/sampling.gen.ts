/** Written by `make contracts` from lam/protocol/sampling.py; edit that instead. */
export const SETTINGS = [
  {
    "name": "temperature",
    "isCommon": true,
    "control": "slider",
    "min": 0,
    "max": 2,
    "step": 0.05
  },
  {
    "name": "top_p",
    "isCommon": true,
    "control": "slider",
    "min": 0.05,
    "max": 1,
    "step": 0.05
  },
  {
    "name": "max_tokens",
    "isCommon": true,
    "control": "number",
    "min": 1,
    "max": 2147483647,
    "step": 1
  },
  {
    "name": "top_k",
    "isCommon": false,
    "control": "number",
    "min": 0,
    "max": 2147483647,
    "step": 1
  },
  {
    "name": "min_p",
    "isCommon": false,
    "control": "number",
    "min": 0,
    "max": 1,
    "step": "any"
  },
  {
    "name": "typical_p",
    "isCommon": false,
    "control": "number",
    "min": 0.01,
    "max": 1,
    "step": "any"
  },
  {
    "name": "seed",
    "isCommon": false,
    "control": "number",
    "min": 0,
    "max": 4294967294,
    "step": 1
  },
  {
    "name": "stop",
    "isCommon": false,
    "control": "lines"
  },
  {
    "name": "presence_penalty",
    "isCommon": false,
    "control": "number",
    "min": -2,
    "max": 2,
    "step": "any"
  },
  {
    "name": "frequency_penalty",
    "isCommon": false,
    "control": "number",
    "min": -2,
    "max": 2,
    "step": "any"
  },
  {
    "name": "repeat_penalty",
    "isCommon": false,
    "control": "number",
    "min": 0.05,
    "max": 2,
    "step": "any"
  },
  {
    "name": "response_format",
    "isCommon": false,
    "control": "schema"
  },
  {
    "name": "reasoning",
    "isCommon": true,
    "control": "reasoning"
  }
] as const;
