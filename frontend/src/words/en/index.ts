/**
 * All that the page says, in English. Another language is a folder like this one, typed `Words`, in the table of `words/index.ts`: a sentence
 * that it lacks fails the type check. Sentences say what happened and what to do; what varies in them is a parameter.
 */

import { admin, settings, signIn, usage } from "./account";
import { builtIn } from "./built-in";
import {
  composer,
  find,
  folders,
  markdown,
  options,
  picker,
  pictures,
  reply,
  sampling,
  sessions,
  studio,
  thread,
  waiting,
} from "./chat";
import { broken, common, failure, navigation, pages, palette } from "./frame";
import { imports } from "./imports";
import { budget, keys } from "./keys";
import { lab } from "./lab";
import { maze } from "./maze";
import { rooms } from "./rooms";
import { speech } from "./speech";
import { templates } from "./templates";
import { together } from "./together";
import { format } from "./format";

export const en = {
  language: "en",
  direction: "ltr" as "ltr" | "rtl",
  format,
  common,
  pages,
  navigation,
  broken,
  failure,
  signIn,
  studio,
  picker,
  pictures,
  sessions,
  folders,
  composer,
  thread,
  find,
  waiting,
  reply,
  markdown,
  options,
  sampling,
  speech,
  templates,
  together,
  lab,
  maze,
  rooms,
  usage,
  settings,
  imports,
  keys,
  budget,
  admin,
  palette,
  builtIn,
};
