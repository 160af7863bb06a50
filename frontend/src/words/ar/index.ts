/** All that the page says, in Arabic. */

import type { Words } from "..";
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
import { format } from "./format";
import { broken, common, failure, navigation, pages, palette } from "./frame";
import { imports } from "./imports";
import { budget, keys } from "./keys";
import { lab } from "./lab";
import { maze } from "./maze";
import { rooms } from "./rooms";
import { speech } from "./speech";
import { templates } from "./templates";
import { together } from "./together";

export const ar: Words = {
  language: "ar",
  direction: "rtl",
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
