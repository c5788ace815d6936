/** Stands for mdocker's own profile of AppArmor, which is loaded when a container is to have it; its full name begins so. */
export const ownProfile = "mdocker-default";
