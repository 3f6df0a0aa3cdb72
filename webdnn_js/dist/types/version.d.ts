/** Of the package; a test holds it equal to package.json. */
export declare const version = "2.0.0";
