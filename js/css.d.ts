declare module "*.css" {
  /** The text of the style sheet (esbuild's loader `text`). */
  const text: string;
  export default text;
}
