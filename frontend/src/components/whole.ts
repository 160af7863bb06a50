import { createContext } from "react";

/** Everything has to be built at once, as for paper: nothing may come little by little. */
export const WholeContext = createContext(false);
