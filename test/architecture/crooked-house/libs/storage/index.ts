export const open = 'storage';
